"""The engine's life as the daemon sees it: started, listened to, stopped, restarted, given up."""

BEGIN TRANSACTION;
CREATE TABLE alerts (
	id VARCHAR(36) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	level VARCHAR(8) NOT NULL, 
	topic VARCHAR(16) NOT NULL, 
	title TEXT NOT NULL, 
	message TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	closes VARCHAR(200), 
	count INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "alerts" VALUES('a1','2026-11-23T14:30:00.000000+00:00','warning','job','Job report failed','exit code 1','{"a":1}','',NULL,1);
CREATE TABLE config_versions (
	version VARCHAR(12) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	author VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	suffix VARCHAR(8) NOT NULL, 
	text TEXT NOT NULL, 
	applied_at VARCHAR(32), 
	worked_at VARCHAR(32), 
	PRIMARY KEY (version)
);
CREATE TABLE deliveries (
	id VARCHAR(36) NOT NULL, 
	alert_id VARCHAR(36) NOT NULL, 
	channel VARCHAR(64) NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	attempts INTEGER NOT NULL, 
	last_error TEXT NOT NULL, 
	next_attempt VARCHAR(32), 
	PRIMARY KEY (id), 
	FOREIGN KEY(alert_id) REFERENCES alerts (id)
);
INSERT INTO "deliveries" VALUES('d1','a1','slack','pending',2,'HTTP 500','2026-11-23T14:30:00.000000+00:00');
CREATE TABLE equity (
	at VARCHAR(32) NOT NULL, 
	session VARCHAR(10) NOT NULL, 
	equity FLOAT NOT NULL, 
	cash FLOAT NOT NULL, 
	drawdown FLOAT NOT NULL, 
	PRIMARY KEY (at)
);
CREATE TABLE fills (
	fill_id VARCHAR(128) NOT NULL, 
	order_ref VARCHAR(128) NOT NULL, 
	symbol VARCHAR(32) NOT NULL, 
	action VARCHAR(4) NOT NULL, 
	quantity FLOAT NOT NULL, 
	price FLOAT NOT NULL, 
	commission FLOAT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (fill_id), 
	FOREIGN KEY(order_ref) REFERENCES orders (order_ref)
);
INSERT INTO "fills" VALUES('f1','20261123-equal_weight-AAPL-0935','AAPL','BUY',10.0,150.0,1.5,'2026-11-23T14:30:00.000000+00:00');
CREATE TABLE incidents (
	id VARCHAR(64) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	cause TEXT NOT NULL, 
	engine_run VARCHAR(32) NOT NULL, 
	path TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE job_runs (
	id INTEGER NOT NULL, 
	job VARCHAR(64) NOT NULL, 
	scheduled_at VARCHAR(32) NOT NULL, 
	started_at VARCHAR(32), 
	finished_at VARCHAR(32), 
	result VARCHAR(16), 
	reason TEXT NOT NULL, 
	exit_code INTEGER, 
	output TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (job, scheduled_at)
);
INSERT INTO "job_runs" VALUES(1,'report','2026-11-23T14:30:00.000000+00:00',NULL,'2026-11-23T14:30:02.000000+00:00','ok','',NULL,'');
CREATE TABLE meta (
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema_version','2');
INSERT INTO "meta" VALUES('halt','{"at":"x","reason":"looking"}');
CREATE TABLE orders (
	order_ref VARCHAR(128) NOT NULL, 
	order_id INTEGER, 
	perm_id INTEGER, 
	session VARCHAR(10) NOT NULL, 
	strategy VARCHAR(64) NOT NULL, 
	decision VARCHAR(64) NOT NULL, 
	symbol VARCHAR(32) NOT NULL, 
	action VARCHAR(4) NOT NULL, 
	order_type VARCHAR(8) NOT NULL, 
	total_quantity FLOAT NOT NULL, 
	limit_price FLOAT, 
	filled_quantity FLOAT NOT NULL, 
	avg_fill_price FLOAT, 
	status VARCHAR(16) NOT NULL, 
	error_message TEXT, 
	retry_count INTEGER NOT NULL, 
	submitted_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (order_ref)
);
INSERT INTO "orders" VALUES('20261123-equal_weight-AAPL-0935',NULL,NULL,'2026-11-23','equal_weight','0935','AAPL','BUY','MKT',10.0,NULL,0.0,NULL,'Filled',NULL,0,'2026-11-23T14:30:00.000000+00:00','2026-11-23T14:30:00.000000+00:00');
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	args TEXT NOT NULL, 
	answered_at VARCHAR(32), 
	ok INTEGER, 
	answer TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE transitions (
	id INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	from_state VARCHAR(16) NOT NULL, 
	to_state VARCHAR(16) NOT NULL, 
	cause TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_transitions_at ON transitions (at);
CREATE INDEX ix_job_runs_finished_at ON job_runs (finished_at);
CREATE INDEX ix_orders_submitted_at ON orders (submitted_at);
CREATE INDEX ix_orders_decision ON orders (session, decision);
CREATE INDEX ix_alerts_at ON alerts (at);
CREATE INDEX ix_alerts_key ON alerts ("key");
CREATE INDEX ix_config_versions_at ON config_versions (at);
CREATE INDEX ix_incidents_at ON incidents (at);
CREATE INDEX ix_requests_answered_at ON requests (answered_at);
CREATE INDEX ix_fills_order_ref ON fills (order_ref);
CREATE INDEX ix_fills_at ON fills (at);
CREATE INDEX ix_deliveries_state ON deliveries (state);
CREATE INDEX ix_deliveries_alert_id ON deliveries (alert_id);
COMMIT;

DROP TABLE export_runs;
DROP TABLE exports;

DROP TABLE unfinished_uploads;

DROP TABLE consents;
DROP TABLE grants;

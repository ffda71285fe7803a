DROP INDEX jobs_due_deliveries;

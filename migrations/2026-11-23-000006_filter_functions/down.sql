DROP FUNCTION instant_of;
DROP FUNCTION number_of;

cp -r "$FROM/../../programs/web/." .

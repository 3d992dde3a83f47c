cp -r "$FROM/../../programs/c/." .

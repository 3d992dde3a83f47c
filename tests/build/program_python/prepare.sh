cp -r "$FROM/../../programs/python/." .

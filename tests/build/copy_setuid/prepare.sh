mkdir s; touch s/u s/g s/t; chmod 4755 s/u; chmod 2755 s/g; chmod 1644 s/t

mkdir x; touch x/f; python3 -c "import os; os.setxattr('x/f','user.name',b'value'); os.setxattr('x','user.dir',b'd')"

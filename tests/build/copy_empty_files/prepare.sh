mkdir -p e/empty/er; : > e/f

mkdir -p d/e; chmod 1777 d/e; chmod 2750 d; touch d/f d/e/g; chmod 400 d/f

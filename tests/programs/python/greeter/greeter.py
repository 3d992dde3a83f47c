def greet(who):
    return f"Hello, {who}!"

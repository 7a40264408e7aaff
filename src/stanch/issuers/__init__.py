"""The authorities that mint and kill credentials. In this version they are asked one thing: does it still work?"""

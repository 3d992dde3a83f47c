mkdir odd; touch "odd/st[r]" odd/str

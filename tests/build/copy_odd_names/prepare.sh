mkdir odd; touch "odd/a b" odd/é "odd/star*" "odd/back\\slash" odd/-dash "odd/nl
x"; touch odd/$(printf "%0200d" 7)

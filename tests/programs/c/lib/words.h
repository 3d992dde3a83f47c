struct counted { long lines, words; };
struct counted count_words(const char *text);

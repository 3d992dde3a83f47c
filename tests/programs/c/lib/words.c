#include <ctype.h>
#include "words.h"

struct counted count_words(const char *text) {
    struct counted counted = {0, 0};
    int inside = 0;
    for (; *text; text++) {
        if (*text == '\n') counted.lines++;
        if (isspace((unsigned char)*text)) inside = 0;
        else if (!inside) { inside = 1; counted.words++; }
    }
    return counted;
}

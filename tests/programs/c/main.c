#include <stdio.h>
#include "lib/words.h"

int main(int argc, char **argv) {
    static char text[65536];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : stdin;
    if (!file) { perror(argv[1]); return 1; }
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    struct counted counted = count_words(text);
    printf("%ld lines, %ld words\n", counted.lines, counted.words);
    return 0;
}

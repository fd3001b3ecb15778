/* What a careful C programmer gets out of the machine: the same itineraries, the same columns, the same log.

   One call plays one whole itinerary from an empty system. It takes the columns that the engines take and writes the
   columns that they write; the benchmark asserts that both are equal. It has no parts, no growing of heaps, no check of
   its input and no guard against the end of the clock, so it is a limit and not a rival. */

#include <stdint.h>
#include <stdlib.h>

typedef struct { int64_t time, rank, row; } Joining;

static int before(const Joining *a, const Joining *b) {
    return a->time < b->time || (a->time == b->time && a->rank < b->rank);
}

static void push(Joining *heap, int64_t size, Joining entry) {
    int64_t at = size;
    while (at > 0) {
        int64_t parent = (at - 1) >> 1;
        if (!before(&entry, &heap[parent])) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = entry;
}

/* Put `entry` in place of the first of `size`. */
static void replace(Joining *heap, int64_t size, Joining entry) {
    int64_t at = 0, child = 1;
    while (child < size) {
        if (child + 1 < size && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &entry)) break;
        heap[at] = heap[child];
        at = child;
        child = 2 * at + 1;
    }
    heap[at] = entry;
}

/* Put `time` in place of the first of a station's `size` free times. */
static void occupy(int64_t *heap, int64_t size, int64_t time) {
    int64_t at = 0, child = 1;
    while (child < size) {
        if (child + 1 < size && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= time) break;
        heap[at] = heap[child];
        at = child;
        child = 2 * at + 1;
    }
    heap[at] = time;
}

/* Returns 0, or 1 where there is no memory. */
int play(int64_t requests, int64_t legs, int64_t stations,
         const int64_t *arrival, const int64_t *servers,
         const int64_t *request, const int64_t *stage, const int64_t *station, const int64_t *service,
         int64_t *joined, int64_t *started, int64_t *ended) {
    int64_t room = 64, size = 0, number = 0, row = 0, all = 0;
    for (int64_t k = 0; k < stations; k++) all += servers[k];
    int64_t *free_at = calloc(all + 1, sizeof *free_at);
    int64_t **heap_of = malloc((stations + 1) * sizeof *heap_of);
    Joining *heap = malloc(room * sizeof *heap);
    if (!free_at || !heap_of || !heap) return 1;
    for (int64_t k = 0, first = 0; k < stations; first += servers[k], k++) heap_of[k] = free_at + first;

    for (;;) {
        int64_t now, at;
        int fresh = number < requests && (size == 0 || arrival[number] < heap[0].time);
        if (fresh) {
            now = arrival[number];
            at = row;
            while (row < legs && request[row] == number) row++;
            number++;
            if (at == row) continue; /* a request without legs */
        } else if (size > 0) {
            now = heap[0].time;
            at = heap[0].row;
        } else {
            break;
        }
        const int64_t mine = request[at];
        int goes_on = 0; /* to a stage that may queue */
        int64_t until = now, slowest = at;
        while (at < legs && request[at] == mine && !goes_on) {
            const int64_t this_stage = stage[at];
            until = now;
            slowest = at;
            do {
                const int64_t k = station[at], c = servers[k];
                int64_t start = now;
                if (c > 0 && heap_of[k][0] > now) start = heap_of[k][0];
                const int64_t end = start + service[at];
                if (c > 0) occupy(heap_of[k], c, end);
                joined[at] = now;
                started[at] = start;
                ended[at] = end;
                if (end >= until) { until = end; slowest = at; }
                at++;
            } while (at < legs && request[at] == mine && stage[at] == this_stage);
            for (int64_t look = at; look < legs && request[look] == mine && stage[look] == stage[at]; look++)
                goes_on |= servers[station[look]] > 0;
            now = until;
        }
        if (goes_on && fresh) {
            if (size == room) {
                Joining *wider = realloc(heap, 2 * room * sizeof *heap);
                if (!wider) return 1;
                heap = wider;
                room *= 2;
            }
            push(heap, size++, (Joining){until, slowest, at});
        } else if (goes_on) {
            replace(heap, size, (Joining){until, slowest, at});
        } else if (!fresh) {
            size--;
            if (size > 0) replace(heap, size, heap[size]);
        }
    }
    free(heap);
    free(heap_of);
    free(free_at);
    return 0;
}

/* Shifts the clock of a process by LAKETRAIN_CLOCK_S seconds, for tests of writers whose machines disagree on the time:
 * cc -shared -fPIC clock.c -o clock.so -ldl; LD_PRELOAD=clock.so LAKETRAIN_CLOCK_S=86400 date */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void)
{
    const char *seconds = getenv("LAKETRAIN_CLOCK_S");
    return seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (result == 0 && id == CLOCK_REALTIME)
        now->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(now, zone);
    now->tv_sec += shift();
    return result;
}

time_t time(time_t *told)
{
    time_t (*real)(time_t *) = dlsym(RTLD_NEXT, "time");
    time_t now = real(NULL) + shift();
    if (told)
        *told = now;
    return now;
}

/* A stand-in for libnvidia-ml.so.1: answers what Berth asks from a text file that a test changes.
 *
 * NVML_STAND_IN_STATE names the file. Every call reads it anew. One fact per line:
 *
 *     driver                    error 9           what nvmlInit answers (9: driver not loaded)
 *     count                     2
 *     0 uuid                    GPU-aaaa
 *     0 name                    Stand-in A100
 *     0 memory_total_mib        40960
 *     0 memory_used_mib         512
 *     0 utilisation             7
 *     0 temperature             41
 *     0 power_mw                60500
 *     0 power_limit_mw          400000
 *     0 ecc_corrected           3
 *     0 ecc_uncorrected         0
 *     0 throttle                72          the bits of nvmlClocksEventReasons
 *     0 xid                     79          told once as an event, again when its number changes
 *     0 pids                    11 12:300   with :MiB where the driver knows the memory used
 *
 * A value "error N" makes the call return N; a missing one returns 3, not supported.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };
#define MIB (1024ULL * 1024ULL)

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } utilisation_t;
typedef struct {
    unsigned int pid;
    unsigned long long used_memory;
    unsigned int gpu_instance, compute_instance;
} process_t;

static int initialised = 0;

static int find(const char *key, char *value, size_t size) {
    const char *path = getenv("NVML_STAND_IN_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[1024];
    size_t length = strlen(key);
    int code = NOT_SUPPORTED;
    if (!file) return 999;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, key, length) || line[length] != ' ') continue;
        char *start = line + length;
        while (*start == ' ') start++;
        snprintf(value, size, "%s", start);
        code = OK;
        if (sscanf(start, "error %d", &code) == 1) break;
    }
    fclose(file);
    return code;
}

static int fact(void *device, const char *name, char *value, size_t size) {
    char key[64];
    if (!initialised) return UNINITIALIZED;
    snprintf(key, sizeof key, "%d %s", (int)((size_t)device - 1), name);
    return find(key, value, size);
}

static int number(void *device, const char *name, unsigned long long *out) {
    char value[1024];
    int code = fact(device, name, value, sizeof value);
    if (code == OK) *out = strtoull(value, NULL, 10);
    return code;
}

static int text(void *device, const char *name, char *out, unsigned int size) {
    char value[1024];
    int code = fact(device, name, value, sizeof value);
    if (code == OK) snprintf(out, size, "%s", value);
    return code;
}

int nvmlInitWithFlags(unsigned int flags) {
    char value[1024];
    (void)flags;
    int code = find("driver", value, sizeof value);
    if (code == OK || code == NOT_SUPPORTED) { initialised = 1; return OK; }
    return code;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { initialised = 0; return OK; }
const char *nvmlErrorString(int code) { (void)code; return "stand-in error"; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    char value[1024];
    if (!initialised) return UNINITIALIZED;
    int code = find("count", value, sizeof value);
    if (code == OK) *count = (unsigned int)strtoul(value, NULL, 10);
    return code;
}

/* The handle of device 0 must not be NULL, hence index + 1. */
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    unsigned int count = 0;
    int code = nvmlDeviceGetCount_v2(&count);
    if (code != OK) return code;
    if (index >= count) return NOT_FOUND;
    *device = (void *)(size_t)(index + 1);
    return OK;
}

int nvmlDeviceGetUUID(void *device, char *out, unsigned int size) {
    return text(device, "uuid", out, size);
}

int nvmlDeviceGetName(void *device, char *out, unsigned int size) {
    return text(device, "name", out, size);
}

int nvmlDeviceGetMemoryInfo(void *device, memory_t *out) {
    unsigned long long total = 0, used = 0;
    int code = number(device, "memory_total_mib", &total);
    if (code == OK) code = number(device, "memory_used_mib", &used);
    if (code != OK) return code;
    out->total = total * MIB;
    out->used = used * MIB;
    out->free = (total - used) * MIB;
    return OK;
}

int nvmlDeviceGetUtilizationRates(void *device, utilisation_t *out) {
    unsigned long long value = 0;
    int code = number(device, "utilisation", &value);
    if (code == OK) { out->gpu = (unsigned int)value; out->memory = 0; }
    return code;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *out) {
    unsigned long long value = 0;
    (void)sensor;
    int code = number(device, "temperature", &value);
    if (code == OK) *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned int *out) {
    unsigned long long value = 0;
    int code = number(device, "power_mw", &value);
    if (code == OK) *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *out) {
    unsigned long long value = 0;
    int code = number(device, "power_limit_mw", &value);
    if (code == OK) *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetTotalEccErrors(void *device, int kind, int counter, unsigned long long *out) {
    (void)counter;
    return number(device, kind == 0 ? "ecc_corrected" : "ecc_uncorrected", out);
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *out) {
    return number(device, "throttle", out);
}

typedef struct {
    void *device;
    unsigned long long type, data;
    unsigned int gpu_instance, compute_instance;
} event_t;

#define MOST_DEVICES 16
static void *watched[MOST_DEVICES];
static unsigned long long told[MOST_DEVICES];

int nvmlEventSetCreate(void **set) { *set = watched; return OK; }
int nvmlEventSetFree(void *set) { (void)set; memset(watched, 0, sizeof watched); return OK; }

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set) {
    size_t index = (size_t)device - 1;
    (void)types; (void)set;
    if (index >= MOST_DEVICES) return NOT_FOUND;
    watched[index] = device;
    return OK;
}

int nvmlEventSetWait_v2(void *set, event_t *out, unsigned int timeout_ms) {
    (void)set; (void)timeout_ms;
    for (int index = 0; index < MOST_DEVICES; index++) {
        unsigned long long value = 0;
        if (!watched[index] || number(watched[index], "xid", &value) != OK) continue;
        if (!value || value == told[index]) continue;
        told[index] = value;
        memset(out, 0, sizeof *out);
        out->device = watched[index];
        out->type = 8;
        out->data = value;
        return OK;
    }
    return 10; /* a time-out */
}

static int processes(void *device, unsigned int *count, process_t *out) {
    char value[1024], *rest = value;
    unsigned int found = 0;
    int code = fact(device, "pids", value, sizeof value);
    if (code != OK) return code;
    for (char *word; (word = strtok_r(rest, " ", &rest)); found++) {
        if (out && found < *count) {
            memset(&out[found], 0, sizeof out[found]);
            char *memory = NULL;
            out[found].pid = (unsigned int)strtoul(word, &memory, 10);
            out[found].used_memory =
                *memory == ':' ? strtoull(memory + 1, NULL, 10) * MIB : ~0ULL;
        }
    }
    code = found > *count ? TOO_SMALL : OK;
    *count = found;
    return code;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *out) {
    return processes(device, count, out);
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *device, unsigned int *count, process_t *out) {
    return processes(device, count, out);
}

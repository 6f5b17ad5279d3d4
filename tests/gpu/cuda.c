/* A stand-in for libcuda.so.1, for the stand-in GPUs of nvml.c.

It sees the GPUs that CUDA_VISIBLE_DEVICES names, by index, UUID or the only one that begins so, or
all where FAKE_CUDA_DEAF is set. What a process takes stands in FAKE_NVML_FILE until it ends. */
#include "nvml.c"

enum { NO_DEVICE = 100 };

static int visible[GPUS], devices;

static int find(const char *name) {
    int found = -1;
    char *end;
    long index = strtol(name, &end, 10);
    if (end > name) return !*end && index < machine.gpus ? (int)index : -1;
    for (int gpu = 0; gpu < machine.gpus; gpu++)
        if (!strncmp(machine.gpu[gpu].uuid, name, strlen(name))) {
            if (found >= 0) return -1;
            found = gpu;
        }
    return found;
}

int cuInit(unsigned flags) {
    (void)flags;
    char names[4096], *list = getenv("CUDA_VISIBLE_DEVICES");
    load();
    devices = 0;
    if (!list || getenv("FAKE_CUDA_DEAF")) {
        while (devices < machine.gpus) visible[devices] = devices, devices++;
    } else {
        snprintf(names, sizeof names, "%s", list);
        for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
            int gpu = find(name);
            if (gpu < 0) break;
            visible[devices++] = gpu;
        }
    }
    return devices ? SUCCESS : NO_DEVICE;
}

int cuDeviceGetCount(int *count) {
    *count = devices;
    return SUCCESS;
}
int cuDeviceGet(int *device, int index) {
    *device = visible[index];
    return index < devices ? SUCCESS : NO_DEVICE;
}
int cuDeviceGetUuid_v2(unsigned char *bytes, int device) {
    int used = 0;
    for (const char *text = machine.gpu[device].uuid + 4; *text && used < 16; text++)
        if (*text != '-') sscanf(text++, "%2hhx", &bytes[used++]);
    return SUCCESS;
}
int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "%s", machine.gpu[device].name);
    return SUCCESS;
}
int cuDeviceGetPCIBusId(char *bus, int length, int device) {
    snprintf(bus, length, "%s", machine.gpu[device].bus);
    return SUCCESS;
}

static int current; /* the device of the only context */

static int hold(u64 mib) {
    FILE *file = fopen(getenv("FAKE_NVML_FILE"), "a");
    if (!file) return NOT_FOUND;
    fprintf(file, "held %d %d %llu\n", current, (int)getpid(), mib);
    return fclose(file);
}
int cuCtxCreate_v2(void **context, unsigned flags, int device) {
    (void)flags;
    current = device;
    *context = &current;
    return hold(100);
}
int cuMemAlloc_v2(u64 *memory, size_t size) {
    *memory = 1;
    return hold(size >> 20);
}

/* A stand-in for libnvidia-ml.so.1 that the real pynvml loads: FAKE_NVML_GPUS GPUs of 16 GiB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2 };

static unsigned count(void) {
    const char *text = getenv("FAKE_NVML_GPUS");
    return text ? (unsigned)atoi(text) : 0;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code ? "stand-in error" : "success"; }

int nvmlDeviceGetCount_v2(unsigned *result) {
    *result = count();
    return SUCCESS;
}

/* A handle is the GPU's index plus one, so that none is NULL. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index >= count()) return INVALID_ARGUMENT;
    *device = (void *)(size_t)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-%012zu", (size_t)device - 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    (void)device;
    snprintf(name, length, "Stand-in GPU");
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long memory[3]) {
    (void)device;
    memory[0] = memory[1] = 16ull << 30; /* total, free, used */
    memory[2] = 0;
    return SUCCESS;
}

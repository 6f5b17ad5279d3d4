/* A stand-in for libnvidia-ml.so.1 that the real pynvml loads.

FAKE_NVML_GPUS=<n> gives n plain GPUs of 16 GiB. FAKE_NVML_FILE names a file that says more, read
anew at every question, so that a test can change the machine under a running program:

    gpu <index> [memory=<MiB>] [node=<n>] [cpus=<list>] [uuid=<text>] [name=<text>] [bus=<id>]
                [mig=1]
    process <gpu> <pid> <MiB>     it computes
    graphics <gpu> <pid> <MiB>    it only draws, as a desktop does
    held <gpu> <pid> <MiB>        it computes; once it is gone it holds nothing
    mig <gpu> <GPU instance> <compute instance> <MiB>
    error <gpu, or -1 for all> <function without "nvmlDevice", or *> <code>
    init <code>

A GPU is lost with "error 3 * 15". Without cpus= NVML knows no CPU affinity of a GPU.

As driver 580 does, the first nvmlInit of a process starts a thread that stays for good. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, TOO_SMALL };
enum { GPUS = 32, PARTS = 8, PROCESSES = 16, ERRORS = 32, TEXT = 96 };

typedef unsigned long long u64;
typedef struct { int gpu, pid, draws; u64 memory; } Process;
typedef struct { unsigned instance, compute; u64 memory; } Part;
typedef struct { int gpu, code; char function[TEXT]; } Error;
typedef struct {
    char uuid[TEXT], name[TEXT], bus[32], cpus[TEXT];
    int node, mig, parts;
    u64 memory;
    Part part[PARTS];
} Gpu;
typedef struct {
    int gpus, processes, errors, init;
    Gpu gpu[GPUS];
    Process process[PROCESSES];
    Error error[ERRORS];
} Machine;

static Machine machine;
static int starts; /* nvmlInit calls that no nvmlShutdown has answered */

static Gpu *add_gpu(int index) {
    Gpu *gpu = &machine.gpu[index];
    snprintf(gpu->uuid, TEXT, "GPU-00000000-0000-0000-0000-%012d", index);
    snprintf(gpu->name, TEXT, "Stand-in GPU");
    /* Such a PCI domain needs more than 16 bits: no machine that runs the tests has it. */
    snprintf(gpu->bus, sizeof gpu->bus, "000FA11E:%02X:00.0", 16 + index);
    gpu->node = -1;
    gpu->memory = 16384;
    if (index >= machine.gpus) machine.gpus = index + 1;
    return gpu;
}

static void set(Gpu *gpu, const char *word) {
    if (!strncmp(word, "memory=", 7)) gpu->memory = strtoull(word + 7, NULL, 10);
    else if (!strncmp(word, "node=", 5)) gpu->node = atoi(word + 5);
    else if (!strncmp(word, "cpus=", 5)) snprintf(gpu->cpus, TEXT, "%s", word + 5);
    else if (!strncmp(word, "uuid=", 5)) snprintf(gpu->uuid, TEXT, "%s", word + 5);
    else if (!strncmp(word, "name=", 5)) snprintf(gpu->name, TEXT, "%s", word + 5);
    else if (!strncmp(word, "mig=", 4)) gpu->mig = atoi(word + 4);
    else if (!strncmp(word, "bus=", 4)) snprintf(gpu->bus, sizeof gpu->bus, "%s", word + 4);
    else { fprintf(stderr, "FAKE_NVML_FILE: unknown %s\n", word); abort(); }
}

static void add_held(Process *held) {
    for (Process *one = machine.process; one < held; one++)
        if (one->gpu == held->gpu && one->pid == held->pid) {
            one->memory += held->memory;
            return;
        }
    machine.processes++;
}

static void read_line(char *line) {
    Process *process = &machine.process[machine.processes];
    Error *error = &machine.error[machine.errors];
    int gpu;
    Part part;
    if (sscanf(line, "gpu %d", &gpu) == 1) {
        Gpu *added = add_gpu(gpu);
        strtok(line, " \n");
        strtok(NULL, " \n");
        for (char *word; (word = strtok(NULL, " \n"));) set(added, word);
    } else if (sscanf(line, "process %d %d %llu", &process->gpu, &process->pid,
                      &process->memory) == 3) {
        machine.processes++;
    } else if (sscanf(line, "held %d %d %llu", &process->gpu, &process->pid,
                      &process->memory) == 3) {
        if (!kill(process->pid, 0) || errno == EPERM) add_held(process);
    } else if (sscanf(line, "graphics %d %d %llu", &process->gpu, &process->pid,
                      &process->memory) == 3) {
        process->draws = 1;
        machine.processes++;
    } else if (sscanf(line, "mig %d %u %u %llu", &gpu, &part.instance, &part.compute,
                      &part.memory) == 4) {
        machine.gpu[gpu].part[machine.gpu[gpu].parts++] = part;
    } else if (sscanf(line, "error %d %95s %d", &error->gpu, error->function, &error->code) == 3) {
        machine.errors++;
    } else if (sscanf(line, "init %d", &machine.init) != 1 && line[0] != '\n') {
        fprintf(stderr, "FAKE_NVML_FILE: unknown line %s\n", line);
        abort();
    }
}

static void load(void) {
    const char *path = getenv("FAKE_NVML_FILE"), *count = getenv("FAKE_NVML_GPUS");
    memset(&machine, 0, sizeof machine);
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[1024];
    while (file && fgets(line, sizeof line, file)) read_line(line);
    if (file) fclose(file);
    for (int index = 0; !path && count && index < atoi(count); index++) add_gpu(index);
}

/* A handle has the GPU's index plus one in its low byte, a part's number plus one above it. */
static void *handle(int gpu, int part) { return (void *)(size_t)((part + 1) << 8 | (gpu + 1)); }
static int gpu_of(void *device) { return (int)((size_t)device & 0xff) - 1; }
static int part_of(void *device) { return (int)((size_t)device >> 8) - 1; }
static Gpu *gpu_at(void *device) { return &machine.gpu[gpu_of(device)]; }

/* Every question begins here: is NVML started, is the handle good, is an error asked for? */
static int ask(void *device, const char *function) {
    load();
    if (!starts) return UNINITIALIZED;
    if (gpu_of(device) < 0 || gpu_of(device) >= machine.gpus) return INVALID_ARGUMENT;
    for (Error *error = machine.error; error < machine.error + machine.errors; error++)
        if ((error->gpu == -1 || error->gpu == gpu_of(device)) &&
            (!strcmp(error->function, "*") || !strcmp(error->function, function)))
            return error->code;
    return SUCCESS;
}

#define ASK(device) \
    do { int code = ask(device, __func__ + strlen("nvmlDevice")); if (code) return code; } while (0)

static void *wait_for_good(void *nothing) {
    for (;;) pause();
    return nothing;
}

/* A fork has none of its parent's threads, so it starts its own. */
static void start_thread(void) {
    static int process;
    pthread_t thread;
    if (process == getpid()) return;
    process = getpid();
    if (pthread_create(&thread, NULL, wait_for_good, NULL)) abort();
    pthread_setname_np(thread, "cuda00001800007");
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    load();
    start_thread();
    if (!machine.init) starts++;
    return machine.init;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) {
    if (!starts) return UNINITIALIZED;
    starts--;
    return SUCCESS;
}
const char *nvmlErrorString(int code) {
    switch (code) {
    case SUCCESS: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case NOT_SUPPORTED: return "Not Supported";
    case 15: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "stand-in");
    return starts ? SUCCESS : UNINITIALIZED;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    load();
    *count = machine.gpus;
    return starts ? SUCCESS : UNINITIALIZED;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = handle(index, -1);
    return ask(*device, "GetHandleByIndex");
}
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
    ASK(device);
    if (part_of(device) < 0) snprintf(uuid, length, "%s", gpu_at(device)->uuid);
    else snprintf(uuid, length, "MIG-%08d-0000-0000-0000-%012d", gpu_of(device), part_of(device));
    return SUCCESS;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    char own[TEXT];
    load();
    for (int gpu = 0; gpu < machine.gpus; gpu++)
        for (int part = -1; part < machine.gpu[gpu].parts; part++) {
            *device = handle(gpu, part);
            int code = nvmlDeviceGetUUID(*device, own, TEXT);
            if (!code && !strcmp(own, uuid)) return ask(*device, "GetHandleByUUID");
        }
    return NOT_FOUND;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    ASK(device);
    snprintf(name, length, "%s", gpu_at(device)->name);
    return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(void *device, unsigned rates[2]) {
    ASK(device);
    rates[0] = 50;
    rates[1] = 25;
    return SUCCESS;
}
int nvmlDeviceGetPciInfo_v3(void *device, void *result) {
    ASK(device);
    struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char text[32]; } *pci;
    pci = result;
    memset(pci, 0, sizeof *pci);
    snprintf(pci->text, sizeof pci->text, "%s", gpu_at(device)->bus);
    sscanf(pci->text, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
    return SUCCESS;
}

static u64 total(void *device) {
    int part = part_of(device);
    return (part < 0 ? gpu_at(device)->memory : gpu_at(device)->part[part].memory) << 20;
}
static u64 used(void *device) {
    u64 sum = 0;
    for (int i = 0; i < machine.processes; i++)
        if (machine.process[i].gpu == gpu_of(device)) sum += machine.process[i].memory << 20;
    return sum;
}
int nvmlDeviceGetMemoryInfo(void *device, u64 memory[3]) { /* total, free, used */
    ASK(device);
    memory[0] = total(device);
    memory[2] = used(device);
    memory[1] = memory[0] - memory[2];
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *result) {
    ASK(device);
    struct { unsigned pid; u64 memory; unsigned instance, compute; } *process = result;
    unsigned room = *count;
    *count = 0;
    for (int i = 0; i < machine.processes; i++) {
        if (machine.process[i].gpu != gpu_of(device) || machine.process[i].draws) continue;
        if (process && *count < room) {
            process[*count].pid = machine.process[i].pid;
            process[*count].memory = machine.process[i].memory << 20;
            process[*count].instance = process[*count].compute = 0xffffffff;
        }
        ++*count;
    }
    return *count > room ? TOO_SMALL : SUCCESS;
}

/* Set the bits of a list such as "0-3,8" in 64-bit words. */
static int set_bits(const char *list, unsigned size, u64 *words) {
    memset(words, 0, size * sizeof *words);
    for (int used = 0, low, high; *list; list += used + (list[used] == ',')) {
        if (sscanf(list, "%d%n", &low, &used) != 1) abort();
        int more = 0;
        high = low;
        if (sscanf(list + used, "-%d%n", &high, &more) == 1) used += more;
        for (; low <= high; low++) {
            if ((unsigned)low / 64 >= size) return TOO_SMALL;
            words[low / 64] |= 1ull << low % 64;
        }
    }
    return SUCCESS;
}
int nvmlDeviceGetCpuAffinity(void *device, unsigned size, u64 *words) {
    ASK(device);
    const char *cpus = gpu_at(device)->cpus;
    return *cpus ? set_bits(cpus, size, words) : NOT_SUPPORTED;
}
int nvmlDeviceGetCpuAffinityWithinScope(void *device, unsigned size, u64 *words, unsigned scope) {
    (void)scope;
    return nvmlDeviceGetCpuAffinity(device, size, words);
}
int nvmlDeviceGetMemoryAffinity(void *device, unsigned size, u64 *words, unsigned scope) {
    (void)scope;
    ASK(device);
    char node[16];
    snprintf(node, sizeof node, "%d", gpu_at(device)->node);
    return gpu_at(device)->node < 0 ? NOT_SUPPORTED : set_bits(node, size, words);
}
/* The node of the GPU's own memory, as on machines whose GPUs share the system's. */
int nvmlDeviceGetNumaNodeId(void *device, int *node) {
    ASK(device);
    *node = 8 + gpu_of(device);
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    ASK(device);
    *current = *pending = gpu_at(device)->mig || gpu_at(device)->parts > 0;
    return SUCCESS;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
    ASK(device);
    *count = gpu_at(device)->parts ? PARTS : 0;
    return SUCCESS;
}
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **part) {
    ASK(device);
    if (index >= (unsigned)gpu_at(device)->parts) return NOT_FOUND;
    *part = handle(gpu_of(device), index);
    return SUCCESS;
}
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *id) {
    ASK(device);
    if (part_of(device) < 0) return NOT_FOUND;
    *id = gpu_at(device)->part[part_of(device)].instance;
    return SUCCESS;
}
int nvmlDeviceGetComputeInstanceId(void *device, unsigned *id) {
    ASK(device);
    if (part_of(device) < 0) return NOT_FOUND;
    *id = gpu_at(device)->part[part_of(device)].compute;
    return SUCCESS;
}

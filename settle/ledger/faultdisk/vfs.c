//go:build linux

// A file system for SQLite that forwards everything to the system's own and tells Go of what changes a file. Go may
// refuse a change, which is then not made.
#include <stddef.h>
#include <string.h>

#include "_cgo_export.h"
#include "vfs.h"

typedef struct shim_file {
	sqlite3_file base;
	int id; // 0: nobody watches
	sqlite3_file *real;
} shim_file;

static sqlite3_vfs *system_vfs;
static sqlite3_vfs shim_vfs;

static sqlite3_file *real_of(sqlite3_file *f) { return ((shim_file *)f)->real; }
static int id_of(sqlite3_file *f) { return ((shim_file *)f)->id; }

static int shim_close(sqlite3_file *f) {
	sqlite3_file *r = real_of(f);
	return r->pMethods ? r->pMethods->xClose(r) : 0;
}

static int shim_read(sqlite3_file *f, void *b, int n, sqlite3_int64 o) { return real_of(f)->pMethods->xRead(real_of(f), b, n, o); }

static int shim_write(sqlite3_file *f, const void *b, int n, sqlite3_int64 o) {
	if (id_of(f)) {
		int rc = gongjiFaultdiskWrite(id_of(f), (void *)b, n, o);
		if (rc) return rc;
	}
	return real_of(f)->pMethods->xWrite(real_of(f), b, n, o);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 n) {
	if (id_of(f)) {
		int rc = gongjiFaultdiskTruncate(id_of(f), n);
		if (rc) return rc;
	}
	return real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int shim_sync(sqlite3_file *f, int flags) {
	if (id_of(f)) {
		int rc = gongjiFaultdiskSync(id_of(f));
		if (rc) return rc;
	}
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *n) { return real_of(f)->pMethods->xFileSize(real_of(f), n); }
static int shim_lock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xLock(real_of(f), l); }
static int shim_unlock(sqlite3_file *f, int l) { return real_of(f)->pMethods->xUnlock(real_of(f), l); }
static int shim_reserved(sqlite3_file *f, int *out) { return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out); }
static int shim_control(sqlite3_file *f, int op, void *arg) { return real_of(f)->pMethods->xFileControl(real_of(f), op, arg); }
static int shim_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int shim_device(sqlite3_file *f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }
static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int shim_shm_lock(sqlite3_file *f, int o, int n, int flags) { return real_of(f)->pMethods->xShmLock(real_of(f), o, n, flags); }
static void shim_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int shim_shm_unmap(sqlite3_file *f, int del) { return real_of(f)->pMethods->xShmUnmap(real_of(f), del); }
static int shim_fetch(sqlite3_file *f, sqlite3_int64 o, int n, void **out) { return real_of(f)->pMethods->xFetch(real_of(f), o, n, out); }
static int shim_unfetch(sqlite3_file *f, sqlite3_int64 o, void *p) { return real_of(f)->pMethods->xUnfetch(real_of(f), o, p); }

static const sqlite3_io_methods shim_methods = {
	3, shim_close, shim_read, shim_write, shim_truncate, shim_sync, shim_size, shim_lock, shim_unlock, shim_reserved,
	shim_control, shim_sector, shim_device, shim_shm_map, shim_shm_lock, shim_shm_barrier, shim_shm_unmap, shim_fetch, shim_unfetch,
};

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
	shim_file *s = (shim_file *)f;
	memset(s, 0, sizeof *s);
	s->real = (sqlite3_file *)&s[1];
	s->real->pMethods = NULL;
	int rc = system_vfs->xOpen(system_vfs, name, s->real, flags, out);
	if (rc == 0) s->id = name ? gongjiFaultdiskOpen((char *)name) : 0;
	if (s->real->pMethods) s->base.pMethods = &shim_methods;
	return rc;
}

static int shim_delete(sqlite3_vfs *v, const char *name, int sync) {
	int rc = gongjiFaultdiskDelete((char *)name, sync);
	if (rc) return rc;
	return system_vfs->xDelete(system_vfs, name, sync);
}

int gongji_faultdisk_install(void) {
	system_vfs = sqlite3_vfs_find(0);
	if (!system_vfs || system_vfs->iVersion < 3) return -1;
	shim_vfs = *system_vfs;
	shim_vfs.pNext = NULL;
	shim_vfs.zName = "gongji-faultdisk";
	shim_vfs.szOsFile = (int)sizeof(shim_file) + system_vfs->szOsFile;
	shim_vfs.xOpen = shim_open;
	shim_vfs.xDelete = shim_delete;
	return sqlite3_vfs_register(&shim_vfs, 1);
}

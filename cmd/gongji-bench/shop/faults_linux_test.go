package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gongji/daemon/localapi/client"
	"gongji/settle"
)

// smallDisk puts a disk of its own under the data directory of a shop that is opened on dir afterwards.
func smallDisk(t *testing.T, dir string, bytes int) (data string) {
	t.Helper()
	data = filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes)); err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatalf("no disk of its own could be mounted: %v", err)
		}
		t.Skipf("no disk of its own can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(data, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return data
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for {
			if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFullDisk: what does not fit is refused in Chinese and warned about, nothing acknowledged is lost, and it goes on by
// itself once there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	data := smallDisk(t, dir, 8<<20)
	r := open(t, Options{Dir: dir, Tills: 1})
	p := r.start()
	filler := filepath.Join(data, "filler")
	fill(t, filler)
	c := r.Client(0)
	defer c.Close()
	var sold []string
	var refused string
	for n := 0; refused == ""; n++ {
		id := fmt.Sprintf("F-%05d", n)
		_, _, err := c.Settle(t.Context(), sale(0, id, "0.10"))
		var problem *client.Problem
		switch {
		case err == nil:
			sold = append(sold, id)
		case errors.As(err, &problem) && problem.Code == settle.StoreFull:
			refused = id
			if !strings.Contains(problem.Message, "磁盘") || problem.Hint == "" || !problem.Retryable {
				t.Errorf("the refusal says %+v", problem)
			}
		default:
			t.Fatalf("sale %s on a full disk: %v", id, err)
		}
	}
	r.warns("STORE_FULL", false)
	if _, err := c.Sale(t.Context(), refused); client.CodeOf(err) != settle.NotFound {
		t.Errorf("a refused sale is there: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, replayed, err := c.Settle(t.Context(), sale(0, refused, "0.10")); err != nil || replayed {
		t.Errorf("the same sale with room on the disk: %v, replayed %t", err, replayed)
	}
	r.warns("STORE_FULL", true)
	for _, id := range sold {
		if _, err := c.Sale(t.Context(), id); err != nil {
			t.Errorf("sale %s was acknowledged: %v", id, err)
		}
	}
	r.drain(p)
	r.wantCentreRows(map[string]int{"0.10": len(sold) + 1})
	t.Logf("%d sales went into what the log still had, then the disk was full", len(sold))
	r.stop(p)
	r.wantVerified()
}

// TestReadOnlyDisk: the daemon refuses to start and says why; mounted for writing again it goes on.
func TestReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	data := smallDisk(t, dir, 16<<20)
	r := open(t, Options{Dir: dir, Tills: 1})
	p := r.start()
	sold := r.sell(0, "RO-1", "1.00")
	r.drain(p)
	r.stop(p)
	if err := unix.Mount("none", data, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	r.wantNoStart("read-only")
	if err := unix.Mount("none", data, "tmpfs", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	p = r.start()
	c := r.Client(0)
	defer c.Close()
	if there, err := c.Settlement(t.Context(), sold.SettlementID); err != nil || there.Total != "1.00" {
		t.Errorf("the sale before: %+v %v", there, err)
	}
	r.stop(p)
	r.wantVerified()
}

// wantNoStart starts a daemon that must end by itself, with every word in its log.
func (r *rehearsal) wantNoStart(words ...string) {
	r.t.Helper()
	if err := os.Truncate(r.LogFile(), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	p, err := r.Start()
	if err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-p.Ended():
	case <-time.After(20 * time.Second):
		p.Kill()
		r.t.Fatalf("the daemon runs\n%s", r.LogTail())
	}
	if p.err == nil {
		r.t.Error("the exit code is 0")
	}
	for _, word := range words {
		if !strings.Contains(r.LogTail(), word) {
			r.t.Errorf("its last words lack %q:\n%s", word, r.LogTail())
		}
	}
}

// TestMissingAndDamagedFiles: each is refused by name before anything is written, and the right file makes all well.
func TestMissingAndDamagedFiles(t *testing.T) {
	r := open(t, Options{Tills: 1})
	p := r.start()
	sold := r.sell(0, "M-1", "1.00")
	r.drain(p)
	r.stop(p)
	database := filepath.Join(r.Data(), "ledger.db")
	keys, err := filepath.Glob(filepath.Join(r.Data(), "keys", "*"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys: %v %v", keys, err)
	}
	key := keys[0]
	for _, c := range []struct {
		name  string
		file  string
		spoil func([]byte) []byte // nil: the file is gone
		words []string
	}{
		{"key gone", key, nil, []string{"STORE_BROKEN", "key"}},
		{"key is another", key, func(b []byte) []byte { return flip(b, len(b)/2) }, []string{"STORE_BROKEN", "key"}},
		{"database gone", database, nil, []string{"STORE_BROKEN", "key"}},
		{"database is no database", database, func(b []byte) []byte { return append([]byte("nothing of the kind"), b[19:]...) }, []string{"STORE_BROKEN"}},
		{"database cut short", database, func(b []byte) []byte { return b[:len(b)/3] }, []string{"STORE_BROKEN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			good, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(c.file); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				if err := os.WriteFile(c.file, c.spoil(append([]byte(nil), good...)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			inner := &rehearsal{r.Shop, t}
			inner.wantNoStart(c.words...)
			if err := os.WriteFile(c.file, good, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, left := range []string{"-wal", "-shm"} { // of a database that was refused
				if err := os.Remove(database + left); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			p := inner.start()
			c := r.Client(0)
			defer c.Close()
			if there, err := c.Settlement(t.Context(), sold.SettlementID); err != nil || there.Total != "1.00" {
				t.Errorf("with the right file again: %+v %v", there, err)
			}
			inner.stop(p)
			inner.wantVerified()
		})
	}
}

func flip(b []byte, at int) []byte {
	if b[at] == '0' {
		b[at] = '1'
	} else {
		b[at] = '0'
	}
	return b
}

// TestTwoDaemons: the second one names the first and ends; the first goes on.
func TestTwoDaemons(t *testing.T) {
	r := open(t, Options{Tills: 1})
	p := r.start()
	r.wantNoStart("in use by another daemon", fmt.Sprint(p.PID()))
	r.sell(0, "T-1", "1.00")
	r.stop(p)
	r.wantVerified()
}

// TestOutOfFiles: connections take every file descriptor that the daemon may have. It says so before that, tills that are
// connected go on or are refused, and nothing is lost.
func TestOutOfFiles(t *testing.T) {
	r := open(t, Options{Tills: 1})
	p := r.start()
	c := r.Client(0)
	defer c.Close()
	if _, _, err := c.Settle(t.Context(), sale(0, "FD-0", "1.00")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: uint64(len(entries) + 4), Max: before.Max} //nolint:gosec // small
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	held := connect(t, r.api, 12)
	sold := 1
	for n := range 20 {
		id := fmt.Sprintf("FD-%d", n+1)
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		_, _, err := c.Settle(ctx, sale(0, id, "1.00"))
		stop()
		switch {
		case err == nil:
			sold++
		case client.CodeOf(err) == "" || client.CodeOf(err) == settle.StoreBroken || client.CodeOf(err) == settle.UpstreamSilent:
		default:
			t.Errorf("sale %s without descriptors: %v", id, err)
		}
	}
	limit.Cur = before.Cur
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	if sold == 1 {
		t.Error("a till that was connected could sell nothing")
	}
	for n := range 21 { // what got no answer is sent again, as a till does
		if _, _, err := c.Settle(t.Context(), sale(0, fmt.Sprintf("FD-%d", n), "1.00")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
	limit.Cur = uint64(len(entries) + 40) //nolint:gosec // small
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	held = connect(t, r.api, 35)
	r.warns("FILES_LOW", false)
	for _, conn := range held {
		_ = conn.Close()
	}
	r.warns("FILES_LOW", true)
	r.drain(p)
	r.wantCentreRows(map[string]int{"1.00": 21})
	r.stop(p)
	r.wantVerified()
}

// connect opens connections that say nothing, as far as the daemon takes them.
func connect(t *testing.T, address string, n int) (held []io.Closer) {
	t.Helper()
	for range n {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		held = append(held, conn)
		if _, err := conn.Write([]byte("GET /")); err != nil {
			break
		}
	}
	return held
}

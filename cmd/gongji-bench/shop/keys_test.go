package shop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeysRotate: an operator changes the key of a running shop whose tills sell, and of one that is closed. Nothing stops,
// everything verifies, the centre has each sale once, and a backup from before comes back with the key that was kept.
func TestKeysRotate(t *testing.T) {
	r := open(t, Options{Tills: 2})
	p := r.start()
	for n := range 10 {
		r.sell(n%2, fmt.Sprintf("BEFORE-%d", n), "1.10")
	}
	backup, kept := filepath.Join(r.o.Dir, "before.backup"), filepath.Join(r.o.Dir, "first.key")
	if text, err := r.tool("backup", "--data", r.Data(), "--to", backup); err != nil {
		t.Fatal(err, text)
	}
	selling := make(chan struct{})
	sold := make(chan int)
	go func() {
		n := 0
		defer func() { sold <- n }()
		c := r.Client(0)
		defer c.Close()
		for ; ; n++ {
			if _, _, err := c.Settle(t.Context(), sale(0, fmt.Sprintf("WHILE-%d", n), "2.20")); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-selling:
				n++
				return
			default:
			}
		}
	}()
	text, err := r.tool("keys", "rotate", "--config", r.Config(), "--old-key-to", kept)
	close(selling)
	during := <-sold
	if err != nil || !strings.Contains(text, "已换用新密钥") {
		t.Fatal(err, text)
	}
	t.Logf("%d sales while the key changed", during)
	if text, err := r.tool("keys", "rotate", "--config", r.Config(), "--old-key-to", kept); err == nil {
		t.Error("an old key was written over:", text)
	}
	p.Kill()
	r.wantVerified()
	if text, err := r.tool("keys", "rotate", "--config", r.Config(), "--old-key-to", filepath.Join(r.o.Dir, "second.key")); err != nil {
		t.Fatal(err, text)
	}
	r.wantVerified()
	p = r.start()
	r.sell(1, "AFTER", "3.30")
	r.drain(p)
	r.wantCentreRows(map[string]int{"1.10": 10, "2.20": during, "3.30": 1})
	r.stop(p)
	r.wantVerified()
	aside := filepath.Join(r.o.Dir, "aside")
	if text, err := r.tool("restore", "--from", backup, "--key", kept, "--data", aside); err != nil {
		t.Error("the backup from before:", err, text)
	}
	if text, err := r.tool("restore", "--from", backup, "--key", filepath.Join(r.Data(), "keys", "ledger.key"), "--data", aside+"2"); err == nil {
		t.Error("the backup from before opened with the new key:", text)
	}
}

// TestKeysRotateIsKilled: the daemon is killed at other moments of a change of keys, and each time the next one goes on.
func TestKeysRotateIsKilled(t *testing.T) {
	r := open(t, Options{Tills: 1})
	p := r.start()
	for n := range 60 {
		r.sell(0, fmt.Sprintf("K-%d", n), "1.10")
	}
	for n := range 8 {
		asked := make(chan string, 1)
		go func() {
			text, err := r.tool("keys", "rotate", "--config", r.Config(), "--timeout", "100ms",
				"--old-key-to", filepath.Join(r.o.Dir, fmt.Sprintf("old-%d.key", n)))
			asked <- fmt.Sprint(text, err)
		}()
		r.eventually(20*time.Second, func() string {
			ring, err := os.ReadFile(filepath.Join(r.Data(), "keys", "ledger.key"))
			if err != nil || !strings.HasPrefix(string(ring), "gongji-ledger-key-2") {
				return fmt.Sprint("the key was not asked for: ", err)
			}
			return ""
		})
		<-asked
		p.Kill() // whose look at the key file is due at any moment of the next seconds
		p = r.start()
		select { // the new daemon looks at once
		case <-time.After(time.Duration(n) * 3 * time.Millisecond):
		case <-t.Context().Done():
		}
		p.Kill()
		r.wantVerified()
		p = r.start()
		r.sell(0, fmt.Sprintf("K-AFTER-%d", n), "2.20")
		r.eventually(30*time.Second, func() string {
			ring, err := os.ReadFile(filepath.Join(r.Data(), "keys", "ledger.key"))
			if err != nil || !strings.HasPrefix(string(ring), "gongji-ledger-key-1") {
				return fmt.Sprint("the change did not end: ", err)
			}
			return ""
		})
	}
	r.drain(p)
	r.stop(p)
	r.wantVerified()
}

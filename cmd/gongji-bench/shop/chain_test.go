package shop

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/settle"
)

// TestDaemonVerifiesItsLedger: a running daemon says when it verified, and one whose ledger was changed while it was off says
// so at the start, names the record, and settles nothing.
func TestDaemonVerifiesItsLedger(t *testing.T) {
	r := open(t, Options{Tills: 1})
	p := r.start()
	r.sell(0, "V-1", "1.10")
	r.eventually(30*time.Second, func() string {
		metrics, err := r.Metrics(t.Context())
		if at := metrics["gongji_chain_verified_timestamp_seconds"]; err != nil || at < float64(time.Now().Add(-time.Hour).Unix()) {
			return fmt.Sprint("it has not verified: ", at, err)
		}
		return ""
	})
	r.sell(0, "V-2", "2.20")
	r.drain(p)
	r.stop(p)
	db, err := sql.Open("sqlite3", filepath.Join(r.Data(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE chain SET doc = zeroblob(80) WHERE seq = (SELECT record FROM settlement WHERE sale_id = 'V-2')")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if p, err = r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	r.eventually(30*time.Second, func() string {
		response, err := http.Get(r.APIURL() + "/livez")
		if err != nil {
			return err.Error()
		}
		return map[bool]string{false: response.Status}[response.Body.Close() == nil && response.StatusCode == http.StatusOK]
	})
	r.warns("CHAIN_BROKEN", false)
	c := r.Client(0)
	defer c.Close()
	r.eventually(30*time.Second, func() string {
		_, _, err := c.Settle(t.Context(), sale(0, "V-3", "3.30"))
		if code := client.CodeOf(err); code != settle.ReaderDown && code != settle.StoreBroken {
			t.Fatalf("a sale on a changed ledger: %v", err)
		} else if code == settle.ReaderDown {
			return "the reader is not there yet"
		}
		return ""
	})
	r.stop(p)
}

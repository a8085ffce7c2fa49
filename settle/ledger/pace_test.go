package ledger

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: one commit that is held up is no slow disk; several are, and so is one that does not come back.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		commit := func(takes time.Duration) {
			end := p.begin()
			time.Sleep(takes) // bubble time
			if took := end(); took != takes {
				t.Errorf("%v, want %v", took, takes)
			}
		}
		for range 20 {
			commit(4 * time.Millisecond)
		}
		if now := p.now(); now < 3*time.Millisecond || now > 4*time.Millisecond {
			t.Errorf("a sound disk has a pace of %v", now)
		}
		commit(time.Minute)
		if now := p.now(); now > SlowCommit {
			t.Errorf("one commit makes a pace of %v", now)
		}
		commit(time.Minute)
		if now := p.now(); now <= SlowCommit {
			t.Errorf("two commits of a minute make a pace of %v", now)
		}
		for range 3 {
			commit(4 * time.Millisecond)
		}
		if now := p.now(); now > SlowCommit {
			t.Errorf("the disk is sound again, and the pace %v", now)
		}
		end := p.begin()
		time.Sleep(10 * time.Second) // bubble time
		if now := p.now(); now != 10*time.Second {
			t.Errorf("a commit that does not come back has a pace of %v", now)
		}
		end()
	})
}

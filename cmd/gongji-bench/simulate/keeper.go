package simulate

import "time"

// keep runs a venue's daemon until the world is over: it kills it when chance or a torn write says so, opens it again after a
// while, and turns the PC's clock.
func (v *venue) keep(over <-chan struct{}) {
	d := throw(v.world.seed, "keeper", v.code)
	wait := func() time.Duration { return d.between(v.world.span(3*time.Minute), v.world.span(40*time.Minute)) }
	next := time.NewTimer(wait())
	defer next.Stop()
	for {
		select {
		case <-over:
			return
		case <-v.killed:
			time.Sleep(time.Nanosecond) // the fake clock moves when everybody waits
			v.die(d, faultKillAt)
		case <-next.C:
			v.mishap(d)
		}
		next.Reset(wait()) // not before the mishap is over: a daemon that has just begun is not waiting yet
	}
}

// mishap is what happens to a PC by itself.
func (v *venue) mishap(d dice) {
	if v.world.mended.Load() {
		return
	}
	switch what := d.IntN(10); {
	case what < 4:
		v.die(d, faultKill)
	case what < 6:
		v.turn(d.between(time.Minute, one(d, []time.Duration{3 * time.Minute, 3 * time.Hour, 50 * time.Hour})), faultAhead)
	case what < 8:
		v.turn(-d.between(time.Minute, one(d, []time.Duration{3 * time.Minute, 3 * time.Hour, 50 * time.Hour})), faultBack)
	case what < 9:
		v.turn(-time.Duration(v.wrong.Load()), "clock set right")
	default:
		v.reconcile()
	}
}

func (v *venue) turn(by time.Duration, what string) {
	v.wrong.Add(int64(by))
	v.note("%s by %s", v.world.fault(what), by)
}

// die kills the daemon and starts it again after a while.
func (v *venue) die(d dice, fault string) {
	v.note("%s %s", v.world.fault(fault), v.tornAt())
	if err := v.kill(); err != nil {
		v.world.broken("%s: a killed daemon did not end: %v", v.code, err)
	}
	select { // a second torn write of the same run
	case <-v.killed:
	default:
	}
	v.tornAt()
	time.Sleep(d.between(time.Second, v.world.span(8*time.Minute)))
	if err := v.start(); err != nil {
		v.world.broken("%s: the daemon does not start after a kill: %v", v.code, err)
	}
}

// tornAt takes the place where the daemon got no further; empty: it was killed by itself.
func (v *venue) tornAt() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	place := v.torn
	v.torn = ""
	return place
}

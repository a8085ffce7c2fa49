package crash

import "time"

// kind is what sort of shop is killed; a run takes them in turn.
type kind struct {
	name      string
	authority string        // who decides: the ledger, or the centre while the patient waits
	tills     int           // each with a patient of their own
	delay     time.Duration // of the centre's answers
	cuts      bool          // the line to the centre breaks, now and then, before the daemon dies
}

// A person's reports go one after the other, several people's at the same time: many tills before a slow centre have many
// under way when the daemon dies.
var kinds = []kind{
	{name: "cached", authority: "cached", tills: 3, cuts: true},
	{name: "platform", authority: "platform", tills: 3, delay: 4 * time.Millisecond},
	{name: "many reports under way", authority: "cached", tills: 8, delay: 40 * time.Millisecond},
	{name: "platform on a bad line", authority: "platform", tills: 4, delay: 2 * time.Millisecond, cuts: true},
}

package health

// Status sums readiness up in a word: "ok", "warning" (ready, something stands) or "blocked" (not ready).
type Status string

// The statuses.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning"
	StatusBlocked Status = "blocked"
)

// Readiness is what GET /readyz?verbose tells.
type Readiness struct {
	Ready    bool    `json:"ready"`
	Status   Status  `json:"status"`
	Warnings []Shown `json:"warnings"` // never null
}

// Readiness is the state now.
func (t *Tracker) Readiness() Readiness {
	r := Readiness{Ready: true, Status: StatusOK, Warnings: t.Warnings()}
	if len(r.Warnings) > 0 {
		r.Status = StatusWarning
	}
	for _, w := range r.Warnings {
		if w.Severity == Blocking {
			r.Ready, r.Status = false, StatusBlocked
		}
	}
	return r
}

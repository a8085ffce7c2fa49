package localapi_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/settle"
)

type store = localapi.Records // its name is that of a method

// slowAudit lets the test decide when a line of the audit record is on disk, and whether it gets there.
type slowAudit struct {
	store
	asked  chan struct{}
	answer chan error
}

func (s *slowAudit) RecordIncident(context.Context, string, map[string]string) error {
	s.asked <- struct{}{}
	return <-s.answer
}

// TestManagerIsAnsweredAfterTheAudit: what a manager changed is answered once the line of it is on disk, and as a fault of the
// store where it cannot get there.
func TestManagerIsAnsweredAfterTheAudit(t *testing.T) {
	slow := &slowAudit{asked: make(chan struct{}, 1), answer: make(chan error)}
	r := newRig(t, func(o *localapi.Options) { slow.store, o.Records = o.Records, slow })
	for name, c := range map[string]struct {
		err  error
		code settle.Code
	}{
		"written":     {nil, settle.NotFound},
		"not written": {settle.NewError(settle.StoreFull, errors.New("no space")), settle.StoreFull},
	} {
		got := make(chan answer, 1)
		go func() {
			got <- r.do("POST", "/v1/attention/999", `{"operator": {"id": "1001"}, "note": "没有这一条"}`, as(r.manager))
		}()
		<-slow.asked
		select {
		case <-got:
			t.Errorf("%s: answered before the line was on disk", name)
			continue
		case <-time.After(100 * time.Millisecond): // it would have come in one or two
		}
		slow.answer <- c.err
		if a := <-got; a.problem(t).Code != c.code {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

package daemon

import (
	"context"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"gongji/daemon/localapi"
)

// The kinds under which changes of the tills' tokens are remembered. Tokens are added and revoked by a command beside the
// daemon, which alone may write the ledger: so the daemon notes what it finds, and at its start who may call at all.
const (
	incidentTokens       = "TOKENS"
	incidentTokenAdded   = "TOKEN_ADDED"
	incidentTokenRevoked = "TOKEN_REVOKED"
)

// lookAtTokens writes changes of the tokens into the audit record. What could not be written is tried again at the next look.
func (d *Daemon) lookAtTokens(ctx context.Context) {
	list, err := d.tokens.List()
	if err != nil {
		return // TOKENS_BROKEN says so
	}
	if d.knownTokens == nil {
		names := make([]string, len(list))
		for i, t := range list {
			names[i] = t.Name + " (" + string(t.Role) + ")"
		}
		if d.note(ctx, incidentTokens, map[string]string{"tokens": strings.Join(names, ", ")}) {
			d.knownTokens = append([]localapi.Token{}, list...)
		}
		return
	}
	d.noteTokens(ctx, incidentTokenRevoked, d.knownTokens, list)
	d.noteTokens(ctx, incidentTokenAdded, list, d.knownTokens)
}

// noteTokens notes the tokens of one list that are not in the other, and keeps what was noted as known.
func (d *Daemon) noteTokens(ctx context.Context, kind string, have, lack []localapi.Token) {
	for _, t := range have {
		same := func(o localapi.Token) bool { return o.Hash == t.Hash }
		if slices.ContainsFunc(lack, same) || !d.note(ctx, kind, map[string]string{"subject": t.Name, "role": string(t.Role)}) {
			continue
		}
		if kind == incidentTokenAdded {
			d.knownTokens = append(d.knownTokens, t)
		} else {
			d.knownTokens = slices.DeleteFunc(slices.Clone(d.knownTokens), same)
		}
	}
}

func (d *Daemon) note(ctx context.Context, kind string, detail map[string]string) bool {
	return d.ledger.RecordIncident(ctx, kind, detail) == nil // a store at fault has a warning of its own
}

// userNumbers finds the system's users of a list of names or numbers.
func userNumbers(names []string) ([]uint32, error) {
	numbers := make([]uint32, 0, len(names))
	for _, name := range names {
		text := name
		if _, err := strconv.ParseUint(name, 10, 32); err != nil {
			found, err := user.Lookup(name)
			if err != nil {
				return nil, fmt.Errorf("listen.unix_users: 系统里没有用户 %s / there is no user %s: %w", name, name, err)
			}
			text = found.Uid
		}
		uid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("listen.unix_users: user %s has no number: %w", name, err)
		}
		numbers = append(numbers, uint32(uid))
	}
	return numbers, nil
}

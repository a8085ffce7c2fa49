package localapi

import (
	"context"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// Upstream tells how the way to the centre stands.
type Upstream interface {
	Upstream(ctx context.Context) (settle.UpstreamStanding, error)
	// ReturnAllowances gives back to the centre what it guarantees this venue: all of it.
	ReturnAllowances(ctx context.Context) error
}

// UpstreamAnswer is the way to the centre. A cashier sees the state alone.
type UpstreamAnswer struct {
	State  string          `json:"state" enum:"online,offline,not_configured"`
	Text   string          `json:"text" doc:"The state in a sentence, Chinese"`
	Detail *UpstreamDetail `json:"detail,omitempty" doc:"For a manager only"`
}

// UpstreamDetail is what stands between this venue and the centre.
type UpstreamDetail struct {
	Authority string `json:"authority" enum:"cached,platform"`

	OfflineAllowed bool           `json:"offline_allowed" doc:"The region lets accounts pay while the centre is silent"`
	OfflineShared  bool           `json:"offline_shared" doc:"Relatives' accounts too"`
	Limits         []OfflineLimit `json:"limits" doc:"In the order in which a sale is held against them; only those that are set"`

	Unsent        OpenReports `json:"unsent" doc:"Not acknowledged yet, the unknown included"`
	Unknown       OpenReports `json:"unknown" doc:"Whether the centre has booked them is open"`
	Refused       int         `json:"refused" doc:"Reports that the centre refused and nobody has decided about"`
	AtRisk        Yuan        `json:"at_risk" doc:"Account money settled offline beyond allowances and not booked by the centre"`
	Allowances    Yuan        `json:"allowances" doc:"Account money that the centre guarantees this venue offline, not spent yet"`
	OldestUnsent  *time.Time  `json:"oldest_unsent,omitempty"`
	LedgerAt      *time.Time  `json:"ledger_at,omitempty" doc:"Centre time of the newest facts; absent: there are none"`
	LedgerAge     int         `json:"ledger_age" doc:"Seconds since then, by the clock that only rises"`
	CentreTime    *time.Time  `json:"centre_time,omitempty" doc:"The centre's clock, where it has told it since the start"`
	Feed          string      `json:"feed" enum:"none,on,off" doc:"off: configured, and the centre does not know it"`
	PulledAt      *time.Time  `json:"pulled_at,omitempty" doc:"Centre time of the last pull of everything that changed"`
	LargeSnapshot *Loading    `json:"large_snapshot,omitempty" doc:"While one is being loaded; settling goes on beside it"`
}

// OfflineLimit is one limit of the offline rules and how much of it is used.
type OfflineLimit struct {
	Limit   string `json:"limit" doc:"The configuration key, such as offline.max_total"`
	Name    string `json:"name" doc:"Chinese"`
	Unit    string `json:"unit" enum:"yuan,count,duration"`
	Allowed string `json:"allowed"`
	Used    string `json:"used,omitempty" doc:"Absent: each sale is held against it by itself. Of offline.max_person_total: of the person with most"`
	Percent *int   `json:"percent,omitempty" doc:"Used of allowed; more than 100 where a limit was lowered"`
}

// OpenReports are reports and the account money in them.
type OpenReports struct {
	Count  int  `json:"count"`
	Amount Yuan `json:"amount"`
}

// Loading is how far a large snapshot has come.
type Loading struct {
	Phase string `json:"phase" enum:"staging,checking,moving,ending"`
	Text  string `json:"text" doc:"The phase, Chinese"`
	Done  int    `json:"done" doc:"Facts"`
	Total int    `json:"total" doc:"Facts; 0: not known yet"`
}

// AllowancesAnswer confirms that allowances were given back.
type AllowancesAnswer struct {
	Returned bool `json:"returned"`
}

type upstreamOutput struct{ Body UpstreamAnswer }

func (s *Server) upstream() (Upstream, error) {
	if s.o.Upstream == nil {
		return nil, settle.NewError(settle.NotConfigured, nil)
	}
	return s.o.Upstream, nil
}

func (s *Server) addUpstream(op huma.Operation) {
	register(s, op, func(ctx context.Context, _ *struct{}) (*upstreamOutput, error) {
		up, err := s.upstream()
		if err != nil {
			return nil, err
		}
		standing, err := up.Upstream(ctx)
		if err != nil {
			return nil, err
		}
		return &upstreamOutput{Body: upstreamAnswer(&standing, callOf(ctx).manager())}, nil
	})
}

type allowancesOutput struct{ Body AllowancesAnswer }

func (s *Server) addReturnAllowances(op huma.Operation) {
	op.Description = "Gives back what the centre guarantees this venue for offline sales, all of it: for a venue that closes for long. Until the centre grants anew, everything that is settled offline is at risk. It may be repeated. A restart gives nothing back."
	register(s, op, func(ctx context.Context, _ *struct{}) (*allowancesOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		up, err := s.upstream()
		if err != nil {
			return nil, err
		}
		if err := up.ReturnAllowances(ctx); err != nil {
			return nil, err
		}
		return &allowancesOutput{Body: AllowancesAnswer{Returned: true}}, nil
	})
}

func upstreamAnswer(u *settle.UpstreamStanding, manager bool) UpstreamAnswer {
	answer := UpstreamAnswer{State: "online", Text: "医保中心已连通。"}
	switch {
	case !u.Configured:
		answer.State, answer.Text = "not_configured", "没有配置医保中心：脱机结算，上报留在本机。"
	case u.Offline:
		answer.State, answer.Text = "offline", "连不上医保中心：按脱机限额结算，恢复后自动上报。"
	}
	if !manager {
		return answer
	}
	answer.Detail = &UpstreamDetail{
		Authority: u.Authority, OfflineAllowed: u.Limits.Allowed, OfflineShared: u.Limits.Shared, Limits: offlineLimits(u),
		Unsent: OpenReports{u.Outbox.Unsent, yuan(u.Outbox.UnsentAmount)}, Unknown: OpenReports{u.Outbox.Unknown, yuan(u.UnknownAmount)},
		Refused: u.Outbox.Refused, AtRisk: yuan(u.AtRisk), Allowances: yuan(u.Allowances), OldestUnsent: instant(u.Outbox.OldestUnsent),
		LedgerAt: instant(u.LedgerAt), LedgerAge: int(u.Used.Age / time.Second), CentreTime: instant(u.CentreTime),
		Feed: string(u.Feed), PulledAt: instant(u.PulledAt), LargeSnapshot: loading(u.Large),
	}
	return answer
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(settle.Beijing)
	return &t
}

// offlineLimits are the limits that are set, in their order.
func offlineLimits(u *settle.UpstreamStanding) []OfflineLimit {
	list := []OfflineLimit{}
	limits, used := &u.Limits, &u.Used
	if limits.MaxAge > 0 {
		list = append(list, OfflineLimit{"offline.max_age", "账户资料的最长有效期", "duration", limits.MaxAge.String(),
			used.Age.Round(time.Second).String(), percent(int64(used.Age/time.Second), int64(limits.MaxAge/time.Second))})
	}
	if limits.MaxSale.Set {
		list = append(list, OfflineLimit{Limit: "offline.max_sale", Name: "单笔限额", Unit: "yuan", Allowed: limits.MaxSale.Max.String()})
	}
	for _, l := range []struct {
		key, name string
		cap       settle.Cap
		used      settle.Fen
	}{
		{"offline.max_person_total", "一人未上报合计限额", limits.MaxPersonTotal, used.PersonTotal},
		{"offline.max_total", "本店未上报合计限额", limits.MaxTotal, used.Total},
	} {
		if l.cap.Set {
			list = append(list, OfflineLimit{l.key, l.name, "yuan", l.cap.Max.String(), l.used.String(), percent(int64(l.used), int64(l.cap.Max))})
		}
	}
	if limits.MaxCount > 0 {
		list = append(list, OfflineLimit{"offline.max_count", "本店未上报笔数限额", "count", strconv.Itoa(limits.MaxCount),
			strconv.Itoa(used.Count), percent(int64(used.Count), int64(limits.MaxCount))})
	}
	return list
}

// percent is used of allowed, cut off. A limit of nothing is used up.
func percent(used, allowed int64) *int {
	p := 100
	if allowed > 0 {
		p = int(used * 100 / allowed)
	}
	return &p
}

// loadingTexts say what a large snapshot is doing.
var loadingTexts = map[string]string{
	settle.PhaseStaging: "正在接收账户资料", settle.PhaseChecking: "正在核对账户资料", settle.PhaseMoving: "正在写入账本",
	settle.PhaseEnding: "正在终止资料里没有的绑定",
}

func loading(p settle.SnapshotProgress) *Loading {
	if p.Phase == "" {
		return nil
	}
	return &Loading{p.Phase, loadingTexts[p.Phase], p.Done, p.Total}
}

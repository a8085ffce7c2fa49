package settle

import "time"

// OfflineLimits bound what may be settled while the centre is silent. They count account money: what a patient pays in
// cash is no risk to anybody. The tighter of configuration and region applies.
type OfflineLimits struct {
	MaxAge         time.Duration // of the person's ledger; 0: no limit
	MaxSale        Cap
	MaxPersonTotal Cap
	MaxTotal       Cap
	MaxCount       int // 0: no limit
	Allowed        bool
	Shared         bool // relatives' money too
}

// OfflineState is what was already settled without the centre's acknowledgement.
type OfflineState struct {
	Age         time.Duration
	PersonTotal Fen
	Total       Fen
	Count       int
}

// CheckOffline applies the limits in the order of the feed page: age, sale, person, everybody, count, region. asked is
// the account money of the sale in fen. The error names the configuration key that was met, the figures, and in the member
// lift what would let the sale through.
func CheckOffline(limits OfflineLimits, state OfflineState, asked Fen) error {
	if limits.MaxAge > 0 && state.Age > limits.MaxAge {
		return NewError(LedgerStale, nil).With("limit", "offline.max_age").
			With("allowed", limits.MaxAge.String()).With("used", state.Age.Round(time.Second).String()).
			With("lift", lifts["offline.max_age"])
	}
	for _, c := range []struct {
		key  string
		cap  Cap
		used Fen
	}{
		{"offline.max_sale", limits.MaxSale, 0},
		{"offline.max_person_total", limits.MaxPersonTotal, state.PersonTotal},
		{"offline.max_total", limits.MaxTotal, state.Total},
	} {
		if c.cap.Set && asked > 0 && c.used+asked > c.cap.Max {
			return offlineLimit(c.key, c.cap.Max.String(), c.used.String(), asked.String())
		}
	}
	if limits.MaxCount > 0 && asked > 0 && state.Count+1 > limits.MaxCount {
		return offlineLimit("offline.max_count", limits.MaxCount, state.Count, 1)
	}
	if !limits.Allowed && asked > 0 {
		return Refused(EOfflineRegion).With("lift", lifts["region"])
	}
	return nil
}

func offlineLimit(key string, allowed, used, asked any) error {
	return NewError(OfflineLimit, nil).With("limit", key).With("allowed", allowed).With("used", used).With("asked", asked).
		With("lift", lifts[key])
}

// lifts says what lets a sale through that met a limit, by configuration key. Cash is outside every limit.
var lifts = map[string]string{
	"offline.max_age":          "恢复联网并刷新账户资料后可结算。 / Refresh the ledger: the centre must be reached once.",
	"offline.max_sale":         "减少这一单用账户支付的金额，其余收现金；或恢复联网后再结算。 / Pay less of this sale from accounts, or settle online.",
	"offline.max_person_total": "此人之前的脱机结算上报后可继续；或按自费收款。 / This person's unsent settlements must be reported first, or take cash.",
	"offline.max_total":        "本店之前的脱机结算上报后可继续；或按自费收款。 / The venue's unsent settlements must be reported first, or take cash.",
	"offline.max_count":        "本店之前的脱机结算上报后可继续；或按自费收款。 / The venue's unsent settlements must be reported first, or take cash.",
	"region":                   "本地区不允许脱机用账户支付：恢复联网后再结算，或按自费收款。 / This region allows account money online only: settle online, or take cash.",
}

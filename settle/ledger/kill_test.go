package ledger

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// victimEnv, set to a data directory, makes the test binary settle there until it is killed.
const victimEnv = "GONGJI_LEDGER_VICTIM"

// victimRounds is how often the victim is killed.
const victimRounds = 10

// victim settles from several tills at once, returns some of it, and prints each sale id after it was acknowledged.
func victim(dir string) {
	ctx := context.Background()
	options := testOptions(dir, &testClock{at: noon}, settle.DefaultRules())
	l, err := Open(ctx, options)
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	who := invent(1)
	for till := range 4 {
		go func() {
			for n := 0; ; n++ {
				order := settle.SettleOrder{
					Sale: settle.Sale{
						POS: "till-" + strconv.Itoa(till), ID: fmt.Sprintf("%d-%d-%d", os.Getpid(), till, n), MedType: "41",
						Patient: l.PersonID(who.psnNo), Presenter: settle.Presenter{SamePerson: true, PatientPresent: true},
						Credential:  settle.Credential{Kind: settle.CredentialCard, Owner: l.PersonID(who.psnNo)},
						Lines:       []settle.Line{line("1", 3)},
						UseAccounts: true,
					},
					Presence: settle.Presence{Reader: "r", Kind: settle.CredentialEvoucher, MatchedAt: noon},
				}
				s, _, err := l.Settle(ctx, order)
				if err != nil {
					fmt.Println("fault", err)
					os.Exit(1)
				}
				fmt.Println("sale", order.Sale.POS, order.Sale.ID)
				if n%5 == 0 {
					back := giveBack("back-"+order.Sale.ID, s.ID)
					back.POS = order.Sale.POS
					if _, _, err := l.Return(ctx, back); err != nil {
						fmt.Println("fault", err)
						os.Exit(1)
					}
					fmt.Println("back", order.Sale.POS, back.ID)
				}
			}
		}()
	}
	select {}
}

func TestAcknowledgedSalesSurviveKill(t *testing.T) {
	h := newHouse(t)
	full := h.family()
	full.ID, full.Accounts[0].Balance, full.CentreTime = "S-2", 9_000_000, noon
	h.apply(full)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	var acknowledged [][3]string
	for round := range victimRounds {
		acknowledged = append(acknowledged, killOnce(t, h.options.Dir, round)...)
	}
	h.open()
	for _, a := range acknowledged {
		var err error
		if a[0] == "sale" {
			_, err = h.SettlementBySale(t.Context(), a[1], a[2])
		} else {
			_, err = h.ReturnByID(t.Context(), a[1], a[2])
		}
		if err != nil {
			t.Errorf("%v was acknowledged and is gone: %v", a, err)
		}
	}
	report := h.wantVerified()
	t.Logf("%d acknowledgements over %d kills, %d records", len(acknowledged), victimRounds, report.Records)
	if len(acknowledged) < victimRounds || report.Records < len(acknowledged) {
		t.Errorf("the victim did too little: %d acknowledgements, %d records", len(acknowledged), report.Records)
	}
}

// killOnce lets the victim acknowledge a random number of sales and kills it in the middle of the next ones.
func killOnce(t *testing.T, dir string, round int) (acknowledged [][3]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	most := 1 + rand.IntN(60)
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) > 0 && words[0] == "fault":
			t.Errorf("round %d: %s", round, lines.Text())
		case len(words) == 3:
			acknowledged = append(acknowledged, [3]string(words))
		}
		if len(acknowledged) >= most && !killed {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // killed: always an error
	return acknowledged
}

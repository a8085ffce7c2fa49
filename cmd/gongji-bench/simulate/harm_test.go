package simulate

import (
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the ledger is spoiled through it

	"gongji/sync/nhsa"
)

// TestHarmIsFound breaks worlds on purpose, one rule at a time: a simulation that would not notice proves nothing.
func TestHarmIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		harm func() harm
		rule string
	}{
		"a sale is booked twice":                     {doubling, ruleOnce},
		"a sale is answered, and then undone":        {losing(nhsa.InfnoSettle), ruleOnce},
		"a return is answered, and then undone":      {losing(nhsa.InfnoCancel), ruleOnce},
		"reports are gone from a killed disk":        {spoiling(forgotten), ruleOnce},
		"a balance is taken to hold what it has not": {spoiling(overstated), ruleNeverMore},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const tries = 12 // a world may have nothing to break
			for seed := uint64(1); seed <= tries; seed++ {
				world := small
				world.harm = c.harm()
				for _, finding := range Run(t, seed, world).Findings {
					if strings.HasPrefix(finding, c.rule) {
						return
					}
				}
			}
			t.Errorf("%d worlds, and nobody has noticed: %s", tries, c.rule)
		})
	}
}

var serial = regexp.MustCompile(`("msgid":"P\d{25})\d{4}"`)

// another is a message under an id of its own.
func another(body []byte, id string) []byte { return serial.ReplaceAll(body, []byte("${1}"+id+`"`)) }

// doubling books every sale once more, under another message id.
func doubling() harm {
	return harm{message: func(infno string, body []byte, pass func([]byte) answer) answer {
		got := pass(body)
		if infno == nhsa.InfnoSettle {
			pass(another(body, "9998"))
		}
		return got
	}}
}

// losing undoes messages of a kind that were answered.
func losing(kind string) func() harm {
	return func() harm {
		return harm{message: func(infno string, body []byte, pass func([]byte) answer) answer {
			got := pass(body)
			if answered, err := nhsa.DecodeAnswer(got.body); infno != kind || err != nil || !answered.Done() {
				return got
			}
			undo, err := undoing(body)
			if err == nil {
				pass(undo)
			}
			return got
		}}
	}
}

// undoing is a 2601 of a message.
func undoing(body []byte) ([]byte, error) {
	var envelope map[string]json.RawMessage
	var input struct {
		Data struct {
			PsnNo string `json:"psn_no"`
		} `json:"data"`
		DrugInfo struct {
			PsnNo string `json:"psn_no"`
		} `json:"druginfo"`
	}
	request, err := nhsa.DecodeRequest(body)
	if err == nil {
		err = json.Unmarshal(body, &envelope)
	}
	if err == nil {
		err = json.Unmarshal(envelope["input"], &input)
	}
	if err != nil {
		return nil, err
	}
	psn := input.Data.PsnNo + input.DrugInfo.PsnNo
	envelope["input"], err = json.Marshal(nhsa.ReverseInput{Data: nhsa.Reverse{PsnNo: psn, Original: request.MsgID, OriginalInfno: request.Infno}})
	if err != nil {
		return nil, err
	}
	envelope["infno"] = json.RawMessage(`"2601"`)
	undo, err := json.Marshal(envelope)
	return another(undo, "9997"), err
}

// The two things that are done to the disk of a killed daemon: what is not sent yet counts as sent, and what was sold since the
// last word of the centre counts as contained in it.
const (
	forgotten  = "UPDATE report SET done = 1 WHERE done = 0"
	overstated = "UPDATE account SET contains = contains + 31536000000"
)

// spoiling does something to the ledger of each daemon that was killed.
func spoiling(statement string) func() harm {
	return func() harm { return harm{disk: func(dir string) error { return spoil(dir, statement) }} }
}

func spoil(dir, statement string) error {
	db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}

package settle

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseIDNumber(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"sample of the standard", "11010519491231002X", "11010519491231002X", nil},
		{"lower-case x", " 11010519491231002x ", "11010519491231002X", nil},
		{"digit as check", "440524188001010014", "440524188001010014", nil},
		{"sample of the card standard", "111111198101011110", "111111198101011110", nil},
		{"fifteen digits", "110105491231002", "11010519491231002X", nil},
		{"wrong check", "110105194912310021", "110105194912310021", ErrIDCheck},
		{"no such date", "110105194913310028", "", ErrIDDate},
		{"too short", "1101051949123100", "", ErrIDLength},
		{"letters", "11010519491231AB2X", "", ErrIDForm},
		{"empty", "", "", ErrIDLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseIDNumber(fixCheck(c.in, c.err))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.want != "" && got.Reveal() != c.want {
				t.Fatalf("got %q, want %q", got.Reveal(), c.want)
			}
		})
	}
}

// fixCheck gives the wrong-date case its right check character, so that only the date is at fault.
func fixCheck(number string, want error) string {
	if want == ErrIDDate {
		return number[:17] + string(CheckCharacter(number[:17]))
	}
	return number
}

func TestCheckCharacterFindsEverySingleError(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.StringMatching(`[1-9][0-9]{16}`).Draw(rt, "body")
		at := rapid.IntRange(0, 16).Draw(rt, "position")
		other := byte('0' + rapid.IntRange(0, 9).Draw(rt, "digit"))
		if body[at] == other {
			return
		}
		changed := body[:at] + string(other) + body[at+1:]
		if CheckCharacter(body) == CheckCharacter(changed) {
			rt.Fatalf("%s and %s have the same check character", body, changed)
		}
	})
}

func TestIDNumberNeverShowsItself(t *testing.T) {
	number, err := ParseIDNumber("11010519491231002X")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "number", number, "struct", struct{ N IDNumber }{number})
	encoded, _ := json.Marshal(map[string]any{"n": number})
	for _, text := range []string{log.String(), string(encoded), fmt.Sprintf("%v %+v %#v %s", number, number, number, number)} {
		if strings.Contains(text, "19491231") || strings.Contains(text, "11010519491231002X") {
			t.Errorf("the number shows in %s", text)
		}
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{MaskName("王芳"), "王*"},
		{MaskName("买买提·吐尔逊"), "买******"},
		{MaskName("X"), "*"},
		{MaskName(""), ""},
		{MaskNumber("11010519491231002X"), "110105********002X"},
		{MaskNumber("X00000019"), "*******19"},
		{MaskNumber("1234"), "****"},
		{MaskNumber("639900D15600000500BF7C7A48FB4966"), strings.Repeat("*", 32)},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestMatchCard(t *testing.T) {
	wang, _ := ParseIDNumber("11010519491231002X")
	zhang, _ := ParseIDNumber("111111198101011110")
	for _, c := range []struct {
		name    string
		claimed Claimed
		shown   Shown
		differs any
	}{
		{"no claim: the holder is the patient", Claimed{}, Shown{wang, "王芳"}, nil},
		{"same number and name", Claimed{wang, "王芳"}, Shown{wang, "王芳"}, nil},
		{"spaces and width", Claimed{wang, " 王　芳 "}, Shown{wang, "王芳"}, nil},
		{"dots of a minority name", Claimed{wang, "买买提•吐尔逊"}, Shown{wang, "买买提·吐尔逊"}, nil},
		{"another person's card", Claimed{wang, "王芳"}, Shown{zhang, "张三"}, "number"},
		{"same number, other name", Claimed{wang, "王芬"}, Shown{wang, "王芳"}, "name"},
		{"spouse's card even with the same family name", Claimed{zhang, ""}, Shown{wang, "王芳"}, "number"},
		{"card that shows no number", Claimed{wang, "王芳"}, Shown{IDNumber{}, ""}, "number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := MatchCard(c.claimed, c.shown)
			if c.differs == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Code != PersonCardMismatch || e.Members["differs"] != c.differs {
				t.Fatalf("got %v, want a mismatch of the %v", err, c.differs)
			}
		})
	}
}

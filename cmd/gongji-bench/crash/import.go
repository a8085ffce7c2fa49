package crash

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"

	"gongji/settle"
	"gongji/sync/feed"
)

// signer signs the files of accounts that a shop imports.
type signer struct {
	public  minisign.PublicKey
	private minisign.PrivateKey
}

func newSigner() (s signer, err error) {
	s.public, s.private, err = minisign.GenerateKey(rand.Reader)
	return s, err
}

// trust is the configuration that believes it.
func (s signer) trust() string { return fmt.Sprintf("import: {trusted_keys: [%q]}\n", s.public) }

// topUp is what everybody gets by a file: enough for some sales out of the patient's own account.
const topUp settle.Fen = 30_00

// bring imports a file of accounts into the ledger of a daemon that was killed, is killed itself, and imports it again: the
// file is applied once, whichever of the two did it.
func (r *run) bring(ctx context.Context) error {
	s, err := r.shop.TopUp(ctx, topUp)
	if err != nil {
		return err
	}
	r.files++
	s.ID = fmt.Sprintf("file-%d", r.files)
	content, err := feed.EncodeSnapshot(s)
	if err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(r.shop.Config()), "accounts.json")
	if err := errors.Join(os.WriteFile(file, content, 0o600),
		os.WriteFile(file+".minisig", minisign.Sign(r.signed.private, content), 0o600)); err != nil {
		return err
	}
	killed, err := r.shop.Command("import", "--config", r.shop.Config(), "--apply", file)
	if err != nil {
		return err
	}
	r.wait(ctx, killed, 200*time.Millisecond)
	if killed.Kill() {
		r.o.Tally.killed(Importing)
	} else {
		r.o.Tally.add(&r.o.Tally.TooLate)
	}
	again, err := r.shop.Command("import", "--config", r.shop.Config(), "--apply", file)
	if err != nil {
		return err
	}
	defer again.Kill()
	if err := again.Wait(ctx); err != nil {
		return fmt.Errorf("import after a kill: %w", err)
	}
	r.o.Tally.add(&r.o.Tally.Imports)
	return nil
}

package filebacklog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// stand has a folder as nginx and logrotate leave it. What the test opens it reads as a receiver does: in this process.
type stand struct {
	*testing.T
	folder string
	files  *files
}

func newStand(t *testing.T) *stand {
	made := &stand{T: t, folder: t.TempDir()}
	made.start()
	return made
}

// start begins anew with what the last process has left.
func (s *stand) start() {
	s.Helper()
	s.files = newFiles(&Config{
		Include: []string{s.path("*.json*")},
		Removed: s.path("removed"),
		State:   s.path("state"),
	}, zap.NewNop())
	if err := s.files.load(); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) path(name string) string { return filepath.Join(s.folder, name) }

func (s *stand) write(name string, bytes int) {
	s.Helper()
	file, err := os.OpenFile(s.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(strings.Repeat("x", bytes)); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) read(name string, bytes int64) *os.File {
	s.Helper()
	file, err := os.Open(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { file.Close() })
	if _, err := io.CopyN(io.Discard, file, bytes); err != nil {
		s.Fatal(err)
	}
	return file
}

func (s *stand) rename(from, to string) {
	s.Helper()
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.Fatal(err)
	}
}

// remove does what logrotate does with the oldest file of a name.
func (s *stand) remove(name string) {
	s.Helper()
	about, err := os.Stat(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	list, err := os.OpenFile(s.path("removed"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer list.Close()
	fmt.Fprintf(list, "%s %d %s\n", identity(about), about.Size(), s.path(name))
	if err := os.Remove(s.path(name)); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) expect(unread, lost int64) {
	s.Helper()
	now, err := s.files.look()
	if err != nil {
		s.Fatal(err)
	}
	if now.unread["edge-access"] != unread || now.lost["edge-access"] != lost {
		s.Fatalf("unread %v, lost %v; expected %d and %d", now.unread, now.lost, unread, lost)
	}
}

func TestWhatIsUnreadIsWhatTheReaderHasNotPassed(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json", 100)
	s.expect(100, 0)
	s.read("edge-access.json", 60)
	s.expect(40, 0)
	s.rename("edge-access.json", "edge-access.json.1")
	s.write("edge-access.json", 10)
	s.expect(50, 0)
}

func TestARemovedFileThatWasReadIsNoLoss(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json.5", 100)
	reader := s.read("edge-access.json.5", 100)
	s.expect(0, 0)
	s.remove("edge-access.json.5")
	reader.Close()
	s.expect(0, 0)
}

func TestAFileThatWasNeverOpenedIsLostWhole(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json.5", 100)
	s.expect(100, 0)
	s.remove("edge-access.json.5")
	s.expect(0, 100)
	s.write("edge-access.json.5", 70)
	s.remove("edge-access.json.5") // between two looks
	s.expect(0, 70)
	s.expect(0, 0)
}

func TestAnOpenFileIsReadToItsEnd(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json.5", 100)
	reader := s.read("edge-access.json.5", 60)
	s.expect(40, 0)
	s.remove("edge-access.json.5")
	s.expect(40, 0)
	reader.Close()
	s.expect(0, 0)
}

func TestTheRestOfARemovedFileIsLostWithItsReader(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json.5", 100)
	reader := s.read("edge-access.json.5", 60)
	s.remove("edge-access.json.5")
	s.expect(40, 0)
	reader.Close()
	s.start()
	s.expect(0, 40)
	s.start()
	s.expect(0, 0)
}

func TestWhatIsRemovedDuringAStopIsLostAsFarAsItWasUnread(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json", 100)
	reader := s.read("edge-access.json", 90)
	s.expect(10, 0)
	reader.Close()
	s.remove("edge-access.json")
	s.write("edge-access.json", 30) // its inode may be that of the one before
	s.remove("edge-access.json")
	s.write("edge-access.json", 5)
	s.start()
	s.expect(5, 40)
}

func TestAFileThatVanishesOtherwiseIsLost(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json", 100)
	s.expect(100, 0)
	if err := os.Remove(s.path("edge-access.json")); err != nil {
		t.Fatal(err)
	}
	s.expect(100, 0) // the list may come later
	s.expect(0, 100)
}

func TestWithoutAStateWhatWasRemovedBeforeDoesNotCount(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json", 100)
	s.remove("edge-access.json")
	s.write("edge-access.json", 50)
	s.start()
	s.expect(50, 0)
}

func TestAStateWithNullCountsAsNone(t *testing.T) {
	for _, state := range []string{`{"known":null}`, `{"lists":null}`, `{"known":{"7:8":null}}`} {
		t.Run(state, func(t *testing.T) {
			s := newStand(t)
			s.write("edge-access.json", 100)
			s.remove("edge-access.json")
			s.write("edge-access.json", 50)
			if err := os.WriteFile(s.path("state"), []byte(state), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.files.load(); err == nil {
				t.Error("the state was taken for a whole one")
			}
			s.expect(50, 0)
		})
	}
}

func TestAListIsReadWhileItIsWritten(t *testing.T) {
	s := newStand(t)
	s.write("edge-access.json", 1)
	s.expect(1, 0)
	list, err := os.Create(s.path("removed"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	fmt.Fprintf(list, "not a line\n7:8 200 edge-acc")
	s.expect(1, 0)
	fmt.Fprintf(list, "ess.json.5\n")
	s.expect(1, 200)
}

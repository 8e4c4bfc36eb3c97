package e2e_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is what matters of a workflow for who may change what.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct {
			Uses string
			Run  string
			With map[string]any
		}
	}
}

// Workflows may read and nothing else, save the job that releases; actions are
// pinned by their commits, tools by their versions; and no text of a stranger,
// such as a title, gets into a command.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(".github/workflows/*.yml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	tool := regexp.MustCompile(`go (?:install|run) \S+@(\S+)`)
	for _, file := range files {
		var w workflow
		if err := yaml.Unmarshal([]byte(fileText(t, file)), &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions are %v", file, w.Permissions)
		}
		for name, job := range w.Jobs {
			if len(job.Permissions) > 0 && name != "release" {
				t.Errorf("%s: the job %s may %v", file, name, job.Permissions)
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s is not pinned by a commit", file, step.Uses)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: a checkout leaves credentials behind", file)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: an expression stands in a command: %s", file, step.Run)
				}
				for _, found := range tool.FindAllStringSubmatch(step.Run, -1) {
					if !strings.HasPrefix(found[1], "v") {
						t.Errorf("%s: %s is not pinned", file, found[0])
					}
				}
			}
		}
	}
}

//go:build cgo

package ocireg_test

import (
	"errors"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func TestLayoutsAreCaches(t *testing.T) {
	r := newRegistry(t)
	image := r.addImage("team/app", "v1", 1000)
	ctx, layout := t.Context(), "oci:"+t.TempDir()
	if _, err := newService(t).Pull(ctx, r.host+"/team/app:v1", layout+":app", nil); err != nil {
		t.Fatal(err)
	}
	images, err := ocireg.LayoutList(ctx, layout)
	if err != nil || len(images) != 1 || images[0].Name != "app" || images[0].Descriptor.Digest != image.Digest {
		t.Fatalf("%+v, %v", images, err)
	}
	verified, err := ocireg.LayoutVerify(ctx, layout)
	if err != nil || len(verified.Damaged) != 0 || verified.Checked == 0 || verified.Bytes == 0 {
		t.Fatalf("%+v, %v", verified, err)
	}
	removed, err := ocireg.LayoutRemove(ctx, layout+":app")
	if err != nil || removed.Digest != image.Digest {
		t.Fatalf("%+v, %v", removed, err)
	}
	if _, err := ocireg.LayoutRemove(ctx, layout+":app"); !errors.Is(err, ocireg.ErrNotFound) {
		t.Fatal(err)
	}
	dry, err := ocireg.LayoutCollect(ctx, layout, &ocireg.CollectOptions{DryRun: true})
	if err != nil || int64(len(dry.Removed)) != verified.Checked || dry.Bytes != verified.Bytes {
		t.Fatalf("%+v, %v", dry, err)
	}
	collected, err := ocireg.LayoutCollect(ctx, layout, nil)
	if err != nil || len(collected.Removed) != len(dry.Removed) {
		t.Fatalf("%+v, %v", collected, err)
	}
	if left, err := ocireg.LayoutVerify(ctx, layout); err != nil || left.Checked != 0 {
		t.Fatalf("%+v, %v", left, err)
	}
}

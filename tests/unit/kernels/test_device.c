/* The plugin door: what is refused, and that it is one line. */
#include "backend.h"
#include "params.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_refused(const char *name, const char *message)
{
    struct rn_err err = {0};
    struct rn_device *dev = (struct rn_device *)&err;
    cr_expect_eq(rn_device_open(&dev, name, 1, NULL, &err), RN_EDEVICE, "%s", name);
    cr_expect_null(dev);
    cr_expect_str_eq(err.msg, message);
    cr_expect_null(strchr(err.msg, '\n'));
}

Test(device, a_plugin_of_another_build_is_refused)
{
    expect_refused("test-other-build",
                   "librunnel-test-other-build.so is of another build than this "
                   "program (the borders of its ops differ)");
    expect_refused("test-other-abi", "librunnel-test-other-abi.so is of another build than this "
                                     "program (the borders of its ops differ)");
}

Test(device, a_plugin_may_refuse_the_program)
{
    expect_refused("test-refuses", "the device plugin is of another build than this program (the "
                                   "borders of its ops differ)");
}

Test(device, a_library_without_the_entry_is_no_plugin)
{
    expect_refused("test-no-entry",
                   "librunnel-test-no-entry.so is no device plugin: it has no rn_plugin_open");
}

Test(device, a_name_that_is_not_there_or_no_name)
{
    expect_refused("abacus", "no device 'abacus': librunnel-abacus.so lies neither beside the "
                             "program nor in ../lib/runnel");
    expect_refused("../cpu", "'../cpu' is no name of a device");
    expect_refused("", "'' is no name of a device");
}

Test(device, memory_is_counted)
{
    static const struct rn_param_spec spec = {"w", {2, {1000, 1000}}};
    struct rn_err err = {0};
    struct rn_device *dev;
    struct rn_params *ps;
    struct rn_device_stats stats;
    cr_assert_eq(rn_device_open(&dev, "cpu", 3, NULL, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_params_new(&ps, dev, &spec, 1, true, &err), RN_OK, "%s", err.msg);
    rn_device_stats(dev, &stats);
    cr_expect(stats.bytes_now >= 8000000 && stats.bytes_now < 8010000 && stats.threads == 3);
    rn_params_free(ps);
    rn_device_stats(dev, &stats);
    cr_expect(stats.bytes_now == 0 && stats.bytes_max >= 8000000);
    rn_device_close(dev);
}

Test(device, the_cpu_opens)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    cr_assert_eq(rn_device_open(&dev, "cpu", 0, NULL, &err), RN_OK, "%s", err.msg);
    cr_expect_str_eq(rn_device_name(dev), "cpu");
    struct rn_device_stats stats;
    rn_device_stats(dev, &stats);
    cr_expect(stats.threads >= 1 && stats.bytes_now == 0 && stats.model[0]);
    rn_device_close(dev);
}

/**
 * What devices nobody measured yet can do: data sheets ({@link dev.baton.device.Device}), what
 * models cost ({@link dev.baton.device.ModelArchitecture}), and speeds fitted to what others
 * published ({@link dev.baton.device.SpeedModel}). Start at {@link dev.baton.device.DeviceCatalog}.
 */
@NullMarked
package dev.baton.device;

import org.jspecify.annotations.NullMarked;

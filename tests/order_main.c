/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that does nothing: that it links is the test. The build links each folder's library into it,
 * whole, with what stands above that folder and nothing else.
 */
int main(void) {
  return 0;
}
